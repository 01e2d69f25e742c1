"""What notes say that is no sentence: headings, lines of "key: value", tables, lists of people and
of firms, tasks. Start reading at ``reader.py``."""
