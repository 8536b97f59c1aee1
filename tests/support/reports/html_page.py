"""The elements of a page of HTML."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """The elements, in order, with the text inside each; fails if tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self.open:
            text.append(data)

    def find_all(self, tag):
        return [(a, "".join(text).strip()) for name, a, text in self.elements if name == tag]

    def list_texts(self, tag):
        return [text for _, text in self.find_all(tag)]
