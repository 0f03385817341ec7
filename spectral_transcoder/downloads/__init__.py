"""Downloads that arrive whole: the list of files, the downloader, the unpacker, the folders they fill."""
