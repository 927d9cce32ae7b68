"""What only maintainers run: tables of the docs, licences and the audit."""
