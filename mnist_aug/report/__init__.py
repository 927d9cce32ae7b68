"""The report: statistics, figures and tables on one page, from a results folder."""
