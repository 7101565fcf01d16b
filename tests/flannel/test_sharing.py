"""Equal entries of many hosts are one object, and every host still holds its own."""

from bot.flannel.kernel import FdbEntry, Kernel, Neighbour, Route
from bot.flannel.sharing import Pool
from tests.flannel import kernels


def test_a_shared_kernel_is_equal_to_what_was_read() -> None:
    pool = Pool()
    for states in kernels.stories().values():
        for state in states:
            assert pool.share(state.kernel()) == state.kernel()


def test_equal_entries_of_two_hosts_are_one_object() -> None:
    pool = Pool()
    one, other = pool.share(kernels.host(0)), pool.share(kernels.host(1))
    route = next(each for each in one.routes or () if each.dst == kernels.subnet(3))
    assert any(route is each for each in other.routes or ())
    assert len(pool) < sum(len(held or ()) for k in (one, other)
                           for held in (k.routes, k.neighbours, k.fdb))  # fmt: skip


def test_a_part_that_was_not_read_stays_unread() -> None:
    shared = Pool().share(Kernel(routes=()))
    assert shared.routes == ()
    assert shared.neighbours is None


def test_what_nobody_holds_any_more_is_forgotten() -> None:
    pool = Pool()
    held = pool.share(kernels.host(0))
    pool.share(Kernel(routes=tuple(Route(f"10.{a}.0.0/24") for a in range(2_000))))
    assert pool.crowded
    pool.tidy()
    assert not pool.crowded
    assert len(pool) == sum(len(one or ()) for one in (held.routes, held.neighbours, held.fdb))
    again = pool.share(kernels.host(0))
    assert all(a is b for a, b in zip(again.routes or (), held.routes or (), strict=True))


def test_hosts_that_change_without_end_are_held_as_they_are_now() -> None:
    pool = Pool()
    most = 0
    for number in range(40):
        held = pool.share(
            Kernel(neighbours=tuple(Neighbour(f"10.{number}.0.{n}", "cni0") for n in range(500)))
        )
        if pool.crowded:
            pool.tidy()
        most = max(most, len(pool))
    assert len(held.neighbours or ()) == 500
    assert most < 2_500, "of the twenty thousand that there have been"


def test_entries_of_different_kinds_are_never_taken_for_each_other() -> None:
    """They are tuples, and tuples of the same content are equal: their lengths must differ."""
    lengths = [len(kind._fields) for kind in (Route, Neighbour, FdbEntry)]
    assert len(set(lengths)) == len(lengths)
