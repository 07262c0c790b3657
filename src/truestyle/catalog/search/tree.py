"""The tree of categories, as far as search needs it: what is below what, and which have a word in their name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from truestyle.catalog.search.vocabulary import Vocabulary
from truestyle.catalog.search.words import stems


@dataclass(frozen=True)
class Branch:
    """One category."""

    id: ObjectId
    name: str
    slug: str
    parent_id: ObjectId | None


class Tree:
    """All categories."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.branches: dict[ObjectId, Branch] = {}
        self._children: dict[ObjectId | None, set[ObjectId]] = {}
        self._words: dict[str, set[ObjectId]] = {}

    def put(self, row: Mapping[str, Any]) -> None:
        """Add, rename or move a category."""
        new = Branch(row["_id"], row["name"], row["slug"], row["parent_id"])
        if self.branches.get(new.id) == new:
            return
        self.drop(new.id)
        self.branches[new.id] = new
        self._children.setdefault(new.parent_id, set()).add(new.id)
        for one in stems(new.name):
            self._words.setdefault(one, set()).add(new.id)
            self._vocabulary.enter(one)

    def drop(self, key: ObjectId) -> None:
        """Forget a category, if it is known."""
        old = self.branches.pop(key, None)
        if old is None:
            return
        self._children[old.parent_id].discard(key)
        for one in stems(old.name):
            self._words[one].discard(key)
            self._vocabulary.leave(one)

    def called(self, stem: str) -> set[ObjectId]:
        """The categories with this word in their name."""
        return self._words.get(stem, set())

    def named(self, names: Iterable[str]) -> set[ObjectId]:
        """The categories with these ids or slugs."""
        wanted = set(names)
        return {one.id for one in self.branches.values() if str(one.id) in wanted or one.slug in wanted}

    def below(self, keys: Iterable[ObjectId]) -> set[ObjectId]:
        """These categories with everything below them."""
        found, waiting = set[ObjectId](), list(keys)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(self._children.get(key, ()))
        return found
