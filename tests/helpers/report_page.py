"""A page of the report, read as its reader sees it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tables as lists of rows of text, their captions, addresses, and all text."""

    def __init__(self, path):
        super().__init__()
        self.tables, self.captions, self.addresses, self.cell, self.words = [], [], [], None, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th", "caption"):
            self.cell = []

    def handle_endtag(self, tag):
        if tag in ("td", "th", "caption"):
            row = self.captions if tag == "caption" else self.tables[-1][-1]
            row.append(" ".join(" ".join(self.cell).split()))
            self.cell = None

    def handle_data(self, text):
        self.words.append(text)
        if self.cell is not None:
            self.cell.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())
