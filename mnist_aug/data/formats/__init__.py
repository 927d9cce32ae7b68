"""Readers of files and folders: what arrays they hold, under which names; nothing is unpickled."""
