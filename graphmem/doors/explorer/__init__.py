"""The explorer: one page that shows a memory, as files that a browser reads as they are.

Nothing is built and nothing is fetched from elsewhere; what it shows comes from the methods of the
API over HTTP. Who serves it is :mod:`graphmem.doors.http`."""

from graphmem.doors.explorer.files import PageFile, page_files

__all__ = ["PageFile", "page_files"]
