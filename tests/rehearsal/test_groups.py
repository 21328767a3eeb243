"""Which packages can be swapped apart, from what their metadata requires."""

from __future__ import annotations

from rehearsal.groups import Distribution, Groups, differing, groups, mixed, read


def side(**packages: tuple[str, ...]) -> dict[str, Distribution]:
    """Packages by name: the version, then what it requires."""
    found = {}
    for key, (version, *requires) in packages.items():
        name = key.replace("_", "-")
        found[name] = Distribution(name, version, tuple(requires))
    return found


def made(old, new) -> Groups:
    return groups(old, new, "3.11.7")


def test_packages_without_pins_are_swapped_one_by_one():
    found = made(side(a=("1",), b=("1",), c=("1",)), side(a=("2",), b=("2",), c=("1",)))
    assert found.names == (("a",), ("b",))
    assert found.needs == (frozenset(), frozenset())
    assert found.pins == ("", "")


def test_exact_pins_on_both_sides_keep_packages_together_and_are_said():
    old = side(torch=("2.11", "nvidia-cudnn==9.1"), nvidia_cudnn=("9.1",), timm=("1", "torch"))
    new = side(torch=("2.12", "nvidia_cudnn==9.2"), nvidia_cudnn=("9.2",), timm=("2", "torch"))
    found = made(old, new)
    assert found.names == (("timm",), ("nvidia-cudnn", "torch"))
    assert found.pins == ("", "torch 2.11 requires nvidia-cudnn==9.1")


def test_a_lower_bound_of_the_new_version_needs_the_other_and_not_the_other_way_round():
    old = side(a=("1", "z>=1"), z=("1",))
    new = side(a=("2", "z>=2"), z=("2",))
    found = made(old, new)
    assert found.names == (("z",), ("a",))
    assert found.needs == (frozenset(), frozenset({0}))


def test_an_upper_bound_of_the_old_version_needs_the_new_one():
    found = made(side(a=("1", "z<2"), z=("1",)), side(a=("2",), z=("2",)))
    assert found.names == (("a",), ("z",))
    assert found.needs == (frozenset(), frozenset({0}))


def test_what_is_needed_is_needed_by_what_needs_its_needer():
    old = side(a=("1",), b=("1",), c=("1",))
    new = side(a=("2", "b>=2"), b=("2", "c>=2"), c=("2",))
    found = made(old, new)
    assert found.names == (("c",), ("b",), ("a",))
    assert found.needs == (frozenset(), frozenset({0}), frozenset({0, 1}))


def test_a_circle_of_needs_is_one_group():
    old = side(a=("1",), b=("1",), c=("1",))
    new = side(a=("2", "b>=2"), b=("2", "c>=2"), c=("2", "a>=2"))
    assert made(old, new).names == (("a", "b", "c"),)


def test_a_dependency_that_only_one_version_has_goes_along():
    appeared = made(side(a=("1",)), side(a=("2", "b"), b=("1",)))
    assert appeared.names == (("b",), ("a",))
    gone = made(side(a=("1", "b"), b=("1",)), side(a=("2",)))
    assert gone.names == (("a",), ("b",))
    assert gone.needs == (frozenset(), frozenset({0}))


def test_pins_that_a_side_breaks_itself_and_markers_that_do_not_hold_bind_nothing():
    old = side(a=("1", "b==7", 'b==1; python_version < "3"', 'b==1; extra == "more"', "not a requirement ("), b=("1",))
    new = side(a=("2", "b==7"), b=("2",))
    assert made(old, new).needs == (frozenset(), frozenset())


def test_what_does_not_differ_binds_nothing():
    """c accepts the old version alone, and so the new side breaks the pin already."""
    assert made(side(c=("1", "b==1"), b=("1",)), side(c=("1", "b==1"), b=("2",))).names == (("b",),)


def test_a_local_version_meets_the_pin_of_its_release():
    old = side(a=("1", "b==1"), b=("1+cu128",))
    new = side(a=("2", "b==2"), b=("2+cu130",))
    assert made(old, new).names == (("a", "b"),)


def test_mixed_environments_have_what_their_versions_belong_to():
    old, new = side(a=("1",), b=("1",), gone=("1",)), side(a=("2",), b=("2",), added=("1",))
    assert differing(old, new) == ["a", "added", "b", "gone"]
    assert [one.requirement for one in mixed(old, new, ["a", "added"])] == ["a==2", "added==1", "b==1", "gone==1"]
    assert [one.requirement for one in mixed(old, new, ["gone"])] == ["a==1", "b==1"]


def test_installers_are_left_alone():
    assert differing(side(pip=("23",), a=("1",)), side(uv=("1",), a=("1",))) == []


def test_packages_from_elsewhere_are_installed_from_there():
    def one(direct):
        entry = {"name": "My_Model", "version": "1", "requires": [], "direct_url": direct}
        return read({"distributions": [entry]})["my-model"].requirement

    assert one(None) == "my-model==1"
    assert one({"url": "file:///code/model", "dir_info": {"editable": True}}) == "-e file:///code/model"
    assert one({"url": "https://x/model-1.whl", "archive_info": {}}) == "My_Model @ https://x/model-1.whl"
    git = {"url": "https://x/model.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    assert one(git) == "My_Model @ git+https://x/model.git@abc"
