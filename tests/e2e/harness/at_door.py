"""The option --door: tests of servers are run once more, and each server of theirs has a door in front of it."""

# What clients and workers see of a server, they see at a door. Files that are asked for by name need not be here.
FILES = {
    "test_admin_api.py",
}


def pytest_addoption(parser):
    parser.addoption("--door", action="store_true", help="each server has a door, to which its clients and workers come")


def pytest_ignore_collect(collection_path, config):
    if config.getoption("--door") and collection_path.name.startswith("test_"):
        return collection_path.name not in FILES
    return None


def pytest_collection_modifyitems(config, items):
    """Leaves out what says why it is not for doors."""
    if not config.getoption("--door"):
        return
    left_out = [item for item in items if why_not(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def why_not(item):
    marker = item.get_closest_marker("not_at_door")
    if marker is None:
        return None
    why, = marker.args
    assert isinstance(why, str) and why, f"{item.nodeid}: not_at_door needs a reason"
    return why
