"""Rich text: Markdown, or HTML made harmless when it is written."""

import re
from typing import Annotated

import nh3
from pydantic import AfterValidator, Field

from truestyle.kit.types import Text

TAG = re.compile(r"<[a-zA-Z/!?]")
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "b", "em", "i", "u", "s", "small", "sub", "sup"),
    *("ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "code", "a", "img", "figure", "figcaption"),
    *("table", "thead", "tbody", "tr", "th", "td", "div", "span"),
}
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "width", "height"}, "th": {"colspan"}, "td": {"colspan"}}
SCHEMES = {"http", "https", "mailto", "tel"}
LINK = re.compile(
    r"(\]\(\s*<?|^\s*\[[^\]\n]+\]:\s*<?|<)\s*(?:javascript|vbscript|data)\s*:", re.IGNORECASE | re.MULTILINE
)


def harmless(text: str) -> str:
    """Text without a tag is Markdown and kept to the letter, but for links that would run code.

    Anything with a tag passes an allow-list: no scripts, no styles, no handlers, no frames.
    """
    text = LINK.sub(r"\1#", text)
    if not TAG.search(text):
        return text
    return nh3.clean(text, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel="noopener noreferrer")


RichText = Annotated[Text, AfterValidator(harmless), Field(description="Markdown, or HTML (made harmless).")]
