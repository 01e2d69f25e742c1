"""The documentation as a site: ``make site`` writes it to ``build/site``, from the pages of
``docs/``, with nothing fetched and nothing that a reader's browser would fetch."""

project = "graphmem"
extensions = ["myst_parser"]
root_doc = "index"
source_suffix = {".md": "markdown"}
exclude_patterns = ["site"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "graphmem"
html_copy_source = False
html_show_sphinx = False
# Blocks of two words name what runs them: "python framework".
suppress_warnings = ["misc.highlighting_failure"]
