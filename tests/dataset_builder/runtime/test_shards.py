"""Shards are named i/n, and every track is in one of them."""

import itertools

import pytest

from dataset_builder.errors import UserError
from dataset_builder.runtime.shards import Shard


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/2/3", "a/b", "-1/2", ""])
def test_what_is_no_shard(text):
    with pytest.raises(UserError, match="expected i/n"):
        Shard.parse(text)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_track_is_in_one_shard(count):
    shards = [list(Shard(index, count).of(range(5))) for index in range(1, count + 1)]
    assert sorted(itertools.chain(*shards)) == list(range(5))
