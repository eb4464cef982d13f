"""References of an item carry a melody and sound when it sounds."""

from dataset_builder.items.references import references_of


def test_references_carry_melody_and_sound_with_the_item(make_item):
    whole = make_item()
    violin, drums = whole.stems
    stem = make_item(id="Track00001-S00", stems=(violin,), activity={"S00": ((0.0, 10.0),)})
    late = make_item(id="Track00001-S05", stems=(violin,), activity={"S00": ((8.0, 10.0),)})
    beat = make_item(id="Track00001-S01", stems=(drums,), activity={"S01": ((0.0, 10.0),)})
    items = [whole, stem, late, beat]
    found = references_of(items, {"S00": 0.8, "S01": 0.0})
    names = {item_id: [reference.item for reference in references] for item_id, references in found.items()}
    assert names == {
        whole.id: [stem.id],  # not itself, not drums, not what sounds for a fifth of it
        stem.id: [whole.id],
        late.id: [stem.id, whole.id],
        beat.id: [stem.id, whole.id],
    }
    assert [reference.melody for reference in found[beat.id]] == [0.8, 0.4]  # of stems together the mean
