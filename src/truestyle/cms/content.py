"""What the shop's pages say: ten tables, all declared."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from stdnum.in_ import gstin

from truestyle.auth.permissions import Permission
from truestyle.cms.text import RichText
from truestyle.kit.documents import Answer, Document, Exact
from truestyle.kit.resource import Resource
from truestyle.kit.types import Email, Flag, Id, Int, Line, Phone, Pincode, Text, Timestamp, rule


def _gstin(text: str) -> str:
    number = text.upper()
    if not gstin.is_valid(number):
        msg = "must be a GSTIN with a right check character, like 27AAPFU0939F1ZV"
        raise rule(msg)
    return number


Link = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^(https?://|/|#|mailto:|tel:)[^\s<>\"]*$")
]
Gstin = Annotated[
    str,
    AfterValidator(_gstin),
    Field(examples=["27AAPFU0939F1ZV"], pattern=r"^[0-9]{2}[0-9A-Za-z]{13}$"),
]


class Content(Document):
    """A piece of content: shown while active and in its time, in the order of `sort_order`."""

    sort_order: Int = 0
    is_active: Flag = True
    starts_at: Timestamp | None = None
    ends_at: Timestamp | None = None


class HeroImage(Content):
    """A banner."""

    title: Line
    subtitle: Line | None = None
    image_id: Id | None = None
    link_url: Link | None = None
    button_text: Line | None = None


class CardOne(Content):
    """A card of the first row."""

    title: Line
    text: Text | None = None
    image_id: Id | None = None
    link_url: Link | None = None


class CardTwo(CardOne):
    """A card of the second row."""


class HowItWorks(Content):
    """A step of how shopping here works."""

    title: Line
    text: Text | None = None
    image_id: Id | None = None


class Testimonial(Content):
    """What a customer said."""

    name: Line
    quote: Text
    location: Line | None = None
    rating: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None
    image_id: Id | None = None


class About(Content):
    """A section about the store."""

    title: Line
    body: RichText
    image_id: Id | None = None


class Policy(Content):
    """A policy: shipping, returns, privacy."""

    title: Line
    body: RichText


class Question(Content):
    """A frequent question and its answer."""

    question: Line
    answer: RichText
    topic: Line | None = None


class Term(Content):
    """A section of the terms and conditions."""

    title: Line
    body: RichText


class Officer(Exact, Answer):
    """Who answers complaints (Consumer Protection (E-Commerce) Rules 2020, rule 4)."""

    name: Line
    designation: Line | None = None
    email: Email
    phone: Phone | None = None


class Place(Exact, Answer):
    """An address of the store."""

    label: Line = "Head office"
    line1: Line
    line2: Line | None = None
    city: Line
    state: Line
    pincode: Pincode


class StoreDetails(Content):
    """Who the store is, with what the law wants shown."""

    name: Line
    legal_name: Line
    gstin: Gstin | None = None
    website: Link | None = None
    email: Email | None = None
    phone: Phone | None = None
    addresses: Annotated[list[Place], Field(max_length=50)] = Field(default_factory=list)
    grievance_officer: Officer | None = None
    opening_hours: Line | None = None
    image_id: Id | None = None


def _content(document: type[Content], path: str, example: dict[str, Any]) -> Resource[Any]:
    return Resource(
        document=document,
        path=path,
        name=path.strip("/").replace("-", "_"),
        write=Permission.CMS_WRITE,
        tag="Content",
        sorts=("sort_order", "-created_at", "created_at"),
        scheduled=True,
        example=example,
    )


CONTENT: tuple[Resource[Any], ...] = (
    _content(HeroImage, "/hero-images", {"title": "The festive edit", "link_url": "/collections/festive"}),
    _content(CardOne, "/cards-1", {"title": "Handloom", "text": "Woven by hand, worn for years."}),
    _content(CardTwo, "/cards-2", {"title": "Under ₹999", "link_url": "/collections/under-999"}),
    _content(HowItWorks, "/how-it-works", {"title": "Choose your size", "text": "Every product has a size chart."}),
    _content(Testimonial, "/testimonials", {"name": "Ira M.", "quote": "The fit is just right.", "rating": 5}),
    _content(About, "/about", {"title": "Our looms", "body": "We began with **two looms** in Bhagalpur."}),
    _content(Policy, "/policies", {"title": "Returns", "body": "Within 7 days of delivery, unworn."}),
    _content(Question, "/faq", {"question": "Do you deliver to my PIN code?", "answer": "Ask at checkout: we do."}),
    _content(Term, "/terms", {"title": "Prices", "body": "All prices include GST."}),
    _content(
        StoreDetails,
        "/store-details",
        {
            "name": "True Style",
            "legal_name": "True Style Retail Private Limited",
            "gstin": "29AAGCB7383J1Z4",
            "addresses": [{"line1": "12, 4th Cross", "city": "Bengaluru", "state": "Karnataka", "pincode": "560038"}],
            "grievance_officer": {"name": "Meera Nair", "email": "grievance@truestyle.example"},
        },
    ),
)
