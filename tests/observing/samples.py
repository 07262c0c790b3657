"""What `/metrics` says, read as Prometheus would."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, ...], float]


def samples_of(text: str) -> Samples:
    """Each sample by its name and the values of its labels."""
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(one.name, *(one.labels[name] for name in sorted(one.labels))): one.value for one in samples}


async def told(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("http://test/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return samples_of(answer.text)


def grown(before: Samples, after: Samples, name: str) -> dict[tuple[str, ...], float]:
    """By how much the series of a metric grew, those that did."""
    mine = [key for key in after if key[0] == name]
    return {key[1:]: after[key] - before.get(key, 0) for key in mine if after[key] != before.get(key, 0)}
