"""Test the order of the loyalty rules, and their contradictions."""

from decimal import Decimal

from groups.features.insights.services.scheme import Ladder
from groups.poster import Group, LoyaltyRule, UnreadableRow

BONUS, DISCOUNT = 1, 2


def group(group_id, percent, loyalty_type=DISCOUNT, clients=10):
    return Group(
        id=group_id,
        name=f"Група {group_id}",
        loyalty_type=loyalty_type,
        percent=Decimal(percent),
        clients=clients,
    )


def rule(rule_id, value, group_id, loyalty_type=DISCOUNT):
    return LoyaltyRule(rule_id, group_id, Decimal(value), loyalty_type)


def contradictions(ladder):
    return [(problem, rule.id, other and other.id) for problem, rule, other in ladder.contradictions]


GROUPS = [group(1, 5), group(2, 10), group(3, 15)]


def test_rules_stand_in_the_order_of_their_sums_and_lead_on_to_the_next():
    ladder = Ladder([rule(9, 5000, 3), rule(4, 1000, 1), rule(5, 2000, 2)], GROUPS)
    assert [each.id for each in ladder.rules] == [4, 5, 9]
    assert [each.id for each in ladder.into(2)] == [5]
    assert [each.id for each in ladder.out_of(2)] == [9]
    assert ladder.next_sum(ladder.rules[1]) == 5000
    assert (ladder.out_of(3), ladder.next_sum(ladder.rules[2])) == ((), None)
    assert contradictions(ladder) == []


def test_a_group_that_no_rule_leads_to_stands_outside():
    ladder = Ladder([rule(4, 1000, 1)], GROUPS)
    assert [each.id for each in ladder.outside] == [2, 3]
    assert ladder.out_of(2) == ()


def test_a_higher_sum_to_a_lower_percent_contradicts_the_best_rule_below():
    rules = [rule(1, 1000, 3), rule(2, 2000, 1), rule(3, 3000, 2), rule(4, 4000, 3)]
    assert contradictions(Ladder(rules, GROUPS)) == [("lower", 2, 1), ("lower", 3, 1)]


def test_two_rules_of_one_sum_contradict_each_other():
    rules = [rule(1, 1000, 1), rule(2, "1000.00", 2), rule(3, 2000, 3)]
    ladder = Ladder(rules, GROUPS)
    assert contradictions(ladder) == [("same_sum", 1, 2), ("same_sum", 2, 1)]
    assert [each.id for each in ladder.after(ladder.rules[0])] == [3]


def test_a_rule_into_a_group_that_is_not_there_is_a_contradiction():
    ladder = Ladder([rule(1, 1000, 77), rule(2, 1000, 1)], GROUPS)
    assert contradictions(ladder) == [("gone", 1, None)]


def test_a_group_that_could_not_be_read_is_not_called_gone():
    known = Ladder([rule(1, 1000, 77)], GROUPS, [UnreadableRow("no percent", 77)])
    unknown = Ladder([rule(1, 1000, 77)], GROUPS, [UnreadableRow("not an object")])
    assert not known.contradictions
    assert not unknown.contradictions
    assert Ladder([rule(1, 1000, 77)], GROUPS, [UnreadableRow("no percent", 78)]).contradictions


def test_bonus_and_discount_groups_are_two_ladders():
    groups = [group(1, 20), group(2, 3, BONUS), group(3, 5, BONUS)]
    rules = [rule(1, 1000, 1), rule(2, 1000, 2, BONUS), rule(3, 2000, 3, BONUS)]
    ladder = Ladder(rules, groups)
    assert contradictions(ladder) == []
    assert ladder.out_of(1) == ()
    assert [each.id for each in ladder.out_of(2)] == [3]


def test_a_rule_of_one_type_into_a_group_of_the_other_makes_them_one_ladder():
    groups = [group(1, 20), group(2, 3, BONUS)]
    ladder = Ladder([rule(1, 1000, 1, BONUS), rule(2, 2000, 2, BONUS)], groups)
    assert [each.id for each in ladder.out_of(1)] == [2]
    assert contradictions(ladder) == [("lower", 2, 1)]
