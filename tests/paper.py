"""Reading PDFs."""

from pypdfium2 import PdfDocument


def text_of(pdf: bytes) -> str:
    """What is to be read on its pages."""
    with PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
