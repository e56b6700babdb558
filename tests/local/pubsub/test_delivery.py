from tweetlog_local.pubsub.delivery import NEVER, Again, Deliveries, Holder
from tweetlog_local.pubsub.ranges import Ranges


def some_deliveries(*again: Again) -> Deliveries:
    return Deliveries(Ranges(), again, start=0, ack_prefix="t:")


def leased(deliveries: Deliveries, *ids: int, deadline: float = 10.0) -> list[str]:
    return [deliveries.lease(each, 1, deadline, Holder()) for each in ids]


def test_every_delivery_has_an_ack_id_of_its_own() -> None:
    deliveries = some_deliveries()

    assert len(set(leased(deliveries, 1, 2, 1))) == 3


def test_an_ack_settles_the_message() -> None:
    deliveries = some_deliveries()
    (ack_id,) = leased(deliveries, 1)

    assert deliveries.ack([ack_id])
    assert 1 in deliveries.acked


def test_a_second_ack_is_harmless() -> None:
    deliveries = some_deliveries()
    (ack_id,) = leased(deliveries, 1)
    deliveries.ack([ack_id])

    assert not deliveries.ack([ack_id])
    assert deliveries.backlog(3) == 2


def test_an_ack_after_the_deadline_comes_too_late() -> None:
    deliveries = some_deliveries()
    (ack_id,) = leased(deliveries, 1, deadline=10.0)
    assert deliveries.expired(10.0) == [ack_id]
    deliveries.fail(ack_id)

    assert not deliveries.ack([ack_id])
    assert 1 not in deliveries.acked


def test_a_failed_message_is_due_again_when_it_was_said_to_be() -> None:
    deliveries = some_deliveries()
    (ack_id,) = leased(deliveries, 1)
    deliveries.fail(ack_id)
    deliveries.again(1, due=5.0)

    assert deliveries.pop_due(4.9) is None
    assert deliveries.next_due() == 5.0
    assert deliveries.pop_due(5.0) == 1
    assert deliveries.pop_due(99.0) is None


def test_attempts_count_failures_and_an_ack_forgets_them() -> None:
    deliveries = some_deliveries()
    for _ in range(3):
        deliveries.fail(*leased(deliveries, 1))
    assert deliveries.attempt(1) == 4

    deliveries.ack(leased(deliveries, 1))

    assert deliveries.attempt(1) == 1


def test_a_failure_after_another_copy_was_acked_is_no_failure() -> None:
    deliveries = some_deliveries()
    first, second = leased(deliveries, 1, 1)
    deliveries.ack([first])

    assert deliveries.fail(second) is None


def test_a_longer_deadline_keeps_the_lease() -> None:
    deliveries = some_deliveries()
    (ack_id,) = leased(deliveries, 1, deadline=10.0)
    deliveries.extend(ack_id, 30.0)

    assert deliveries.expired(10.0) == []
    assert deliveries.expired(30.0) == [ack_id]


def test_a_shorter_deadline_ends_the_lease_sooner() -> None:
    deliveries = some_deliveries()
    (ack_id,) = leased(deliveries, 1, deadline=100.0)
    deliveries.extend(ack_id, 5.0)

    assert deliveries.expired(5.0) == [ack_id]


def test_a_lease_without_a_deadline_never_expires() -> None:
    deliveries = some_deliveries()
    leased(deliveries, 1, deadline=NEVER)

    assert deliveries.expired(1e12) == []
    assert deliveries.next_due() == NEVER


def test_what_is_handed_back_is_due_at_once_and_has_not_failed() -> None:
    deliveries = some_deliveries()
    (ack_id,) = leased(deliveries, 1)
    deliveries.hand_back(ack_id, 3.0)

    assert deliveries.pop_due(3.0) == 1
    assert deliveries.attempt(1) == 1


def test_a_holder_has_room_for_what_flow_control_leaves() -> None:
    holder = Holder(max_messages=3, max_bytes=100)
    holder.takes(40)
    assert holder.room(10) == 2

    holder.takes(60)

    assert holder.room(10) == 0


def test_a_holder_without_limits_takes_what_it_is_offered() -> None:
    holder = Holder()
    holder.takes(10**9)

    assert holder.room(500) == 500


def test_room_comes_back_with_the_end_of_a_lease_however_it_ends() -> None:
    deliveries, holder = some_deliveries(), Holder(max_messages=3)
    acked, failed, returned = (deliveries.lease(each, 1, 9.0, holder) for each in (1, 2, 3))
    assert holder.room(9) == 0

    deliveries.ack([acked])
    deliveries.fail(failed)
    deliveries.hand_back(returned, 0.0)

    assert holder.room(9) == 3


def test_a_rewind_forgets_leases_and_starts_over() -> None:
    deliveries, holder = some_deliveries(), Holder(max_messages=1)
    ack_id = deliveries.lease(1, 1, 9.0, holder)
    deliveries.rewind(Ranges())

    assert not deliveries.ack([ack_id])
    assert deliveries.fresh(5) == (1, 5)
    assert holder.room(1) == 1


def test_failures_survive_being_written_down_and_read_again() -> None:
    deliveries = some_deliveries()
    deliveries.fail(*leased(deliveries, 7))
    deliveries.again(7, due=50.0)

    after = some_deliveries(*deliveries.unsettled())

    assert after.attempt(7) == 2
    assert after.has_failed(7)
    assert after.pop_due(49.0) is None
    assert after.pop_due(50.0) == 7


def test_acked_leases_leave_no_trace() -> None:
    deliveries = some_deliveries()
    for each in range(1, 20_001):
        deliveries.ack([deliveries.lease(each, 1, 600.0, Holder())])

    assert len(deliveries._expiries) < 3000  # noqa: SLF001 - memory is what this test is about
    assert len(deliveries.acked) == 1
