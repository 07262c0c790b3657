"""The demo catalogue as the index of search, without a database."""

import csv
from importlib import resources
from typing import Any

from bson import ObjectId

from truestyle.catalog.search.index import Index
from truestyle.kit.resource import to_slug


def catalogue() -> Index:
    """All of it, as the importer would write it."""
    index, rows, tree = Index(), dict[str, dict[str, Any]](), dict[tuple[str, ...], ObjectId]()
    names = iter(range(1, 10_000))

    def ref(name: str) -> dict[str, Any]:
        return {"id": ObjectId(f"{0:024x}"), "name": name, "slug": to_slug(name)}

    def category(path: tuple[str, ...]) -> ObjectId:
        if path not in tree:
            above = category(path[:-1]) if path[:-1] else None
            tree[path] = ObjectId(f"{next(names):024x}")
            slug = to_slug("-".join(path))
            index.tree.put({"_id": tree[path], "name": path[-1], "slug": slug, "parent_id": above})
        return tree[path]

    for line in csv.DictReader(resources.files("truestyle.seed").joinpath("catalogue.csv").read_text().splitlines()):
        if line["name"]:
            rows[line["slug"]] = {
                "_id": ObjectId(f"{next(names):024x}"),
                **{name: line[name] for name in ("name", "slug", "description", "gender", "status")},
                "brand": ref(line["brand"]),
                "product_type": ref(line["product_type"]),
                "categories": [
                    {"id": category(tuple(path.split(" > ")))} for path in line["categories"].split("|") if path
                ],
                "occasions": [ref(one) for one in line["occasions"].split("|") if one],
                "tags": [one for one in line["tags"].split("|") if one],
                "vendor_id": None,
                "price": round(float(line["price"]) * 100),
                "discounted": True,
                "sizes": [],
                "colors": [],
                "in_stock": True,
                "rating": {"average": 0.0},
                "popularity": 0,
                "sort_name": line["name"].casefold(),
            }
        row = rows[line["slug"]]
        for field, option in (("sizes", "size"), ("colors", "color")):
            if line[option] and line[option] not in row[field]:
                row[field].append(line[option])
    for row in rows.values():
        index.put(row)
    return index
