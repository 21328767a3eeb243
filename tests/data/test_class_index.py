"""The class index says what timm's own ImageNet list says, in the format of Keras's file."""

import json
from pathlib import Path

import pytest
from timm.data.imagenet_info import ImageNetInfo

PATH = Path(__file__).parents[2] / "data" / "imagenet_class_index.json"


@pytest.fixture(scope="module")
def index() -> dict[str, list[str]]:
    return json.loads(PATH.read_text(encoding="utf-8"))


def test_has_the_thousand_classes_in_order(index):
    assert list(index) == [str(number) for number in range(1000)]
    assert all(len(entry) == 2 for entry in index.values())


def test_has_one_entry_a_line():
    assert len(PATH.read_text(encoding="utf-8").splitlines()) == 1000 + len("{}")


def test_synsets_are_unique_and_timms(index):
    synsets = [synset for synset, _ in index.values()]
    assert len(set(synsets)) == 1000
    assert synsets == ImageNetInfo().label_names()


def test_names_are_timms_first_lemmas_with_underscores(index):
    expected = [lemmas.split(", ")[0].replace(" ", "_") for lemmas in ImageNetInfo().label_descriptions()]
    assert [name for _, name in index.values()] == expected


@pytest.mark.parametrize(
    ("number", "synset", "name"),
    [
        (0, "n01440764", "tench"),
        (48, "n01695060", "Komodo_dragon"),
        (88, "n01818515", "macaw"),
        (105, "n01882714", "koala"),
        (281, "n02123045", "tabby"),
        (282, "n02123159", "tiger_cat"),
        (285, "n02124075", "Egyptian_cat"),
        (296, "n02134084", "ice_bear"),
        (383, "n02497673", "Madagascar_cat"),
        (388, "n02510455", "giant_panda"),
        (967, "n07920052", "espresso"),
        (999, "n15075141", "toilet_tissue"),
    ],
)
def test_knows_the_classes_of_the_sample_images(index, number, synset, name):
    assert index[str(number)] == [synset, name]
    assert ImageNetInfo().index_to_label_name(number) == synset
    assert ImageNetInfo().index_to_description(number).split(", ")[0].replace(" ", "_") == name
