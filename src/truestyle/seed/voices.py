"""What some demo shoppers say, so that the demo store has stars to sort by and words to read."""

from truestyle.cart.models import Cart, Wishlist
from truestyle.infra.outbox import event
from truestyle.reviews import stars
from truestyle.reviews.models import Review, ReviewStatus, author_name
from truestyle.shop import Shop
from truestyle.store import Store
from truestyle.users.models import User

PEOPLE = ("Nandini Iyer", "Farah Shaikh", "Gurpreet Kaur", "Ritu Das", "Lakshmi Menon", "Pooja Kulkarni")
# (slug, stars by the people above in their order; 0: none)
STARS = (
    ("bagru-phool-straight-kurta", (5, 4, 5, 0, 4, 5)),
    ("ketaki-a-line-cotton-kurti", (4, 4, 0, 3, 0, 5)),
    ("mulmul-chikan-touch-kurta", (5, 5, 4, 5, 0, 0)),
    ("sanganer-jaal-office-kurta", (3, 4, 0, 0, 4, 0)),
    ("neel-ajrakh-kurta", (5, 0, 5, 4, 5, 5)),
    ("rozana-handloom-kurta", (0, 3, 2, 0, 4, 0)),
    ("noor-chanderi-kurta-set", (4, 0, 0, 5, 0, 4)),
    ("rajghat-katan-silk-saree", (5, 5, 0, 0, 5, 0)),
    ("bandhej-georgette-saree", (0, 4, 4, 3, 0, 0)),
)
# (slug, who, title, words, status)
WORDS = (
    ("bagru-phool-straight-kurta", 0, "Soft from the first day", "True to size, and the pocket holds a phone.", 1),
    ("bagru-phool-straight-kurta", 1, "Pretty print", "A little colour went in the first wash, as they say.", 1),
    ("mulmul-chikan-touch-kurta", 2, "For a hot May", "Thin, so wear a slip. It weighs nothing at all.", 1),
    ("neel-ajrakh-kurta", 3, "Deep blue", "The border is printed, not woven. Still lovely.", 1),
    ("rozana-handloom-kurta", 2, "Runs large", "I take M everywhere and this M was two fingers too wide.", 1),
    ("rajghat-katan-silk-saree", 4, "Worn at my sister's wedding", "Heavy, in the good way. Fall and pico needed.", 1),
    ("bandhej-georgette-saree", 1, "Not sure about the colour", "More orange than on my screen.", 0),
)


async def speak(shop: Shop) -> int:
    """Give stars and words, once, to a new demo store; how many stars."""
    by_slug = {slug: await shop.store.products.by_slug(slug) for slug, _ in STARS}

    async def work(tx: Store) -> int:
        people, given = [await _person(tx, number, name) for number, name in enumerate(PEOPLE)], dict[object, int]()
        for slug, figures in STARS:
            product = by_slug[slug]
            for person, figure in zip(people, figures, strict=True):
                if product is not None and figure:
                    await stars.give(tx, person.id, product.id, figure)
                    given[person.id, slug] = figure
        for slug, who, title, words, approved in WORDS:
            product, person = by_slug[slug], people[who]
            if product is not None:
                review = Review(
                    user_id=person.id,
                    product_id=product.id,
                    author=author_name(person.full_name),
                    title=title,
                    body=words,
                    rating=given[person.id, slug],
                    status=ReviewStatus.APPROVED if approved else ReviewStatus.PENDING,
                )
                await tx.reviews.add(review)
        return len(given)

    return await shop.store.transaction(work)


async def _person(tx: Store, number: int, name: str) -> User:
    """An account that nobody can sign in to: it has no password."""
    user = User(email=f"shopper{number + 1}@truestyle.example", full_name=name, email_verified=True)
    await tx.users.add(user)
    await tx.carts.add(Cart(user_id=user.id))
    await tx.wishlists.add(Wishlist(user_id=user.id))
    await tx.outbox.write([event("user.registered", {"user_id": user.id}, f"user.registered:{user.id}")])
    return user
