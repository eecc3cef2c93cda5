# Who may run which agent.
#
# input: {"action", "subject": {"roles", "is_key", "scopes"},
#         "agent": {"slug", "category", "risk", "is_suspended"}, "lane"}
# data.roles: what each role may run (roles.json).
#
# `decision` is the only rule that is asked for. What is not allowed here is denied, and each
# reason is a sentence for the person who asked. Only the part of Rego is used on which all
# engines agree.
package aiagents.agent_access

import rego.v1

default allow := false

allow if {
	input.action == "run"
	count(refusals) == 0
	count(granting) > 0
}

# The subject's roles that cover this agent.
granting contains role if {
	some role in input.subject.roles
	covers(role)
}

# All roles that would cover it, for the person who lacks them.
sufficient contains role if {
	some role, _ in data.roles
	covers(role)
}

covers(role) if {
	input.agent.risk in data.roles[role].runs
	covers_category(role)
}

covers_category(role) if "*" in data.roles[role].categories

covers_category(role) if input.agent.category in data.roles[role].categories

refusals contains sentence if {
	not is_live
	sentence := sprintf("Agent '%s' is suspended; choose another agent or ask a curator.", [input.agent.slug])
}

refusals contains sentence if {
	not is_person
	not key_may_run
	sentence := "This API key lacks the scope 'executions:run'; make a key that has it."
}

# Asked so that a missing field denies.
is_live if input.agent.is_suspended == false

is_person if input.subject.is_key == false

key_may_run if "executions:run" in input.subject.scopes

refusals contains sentence if {
	count(granting) == 0
	count(sufficient) > 0
	sentence := sprintf("Agent '%s' is of %s risk: it takes one of the roles %s; ask an administrator.", [
		input.agent.slug,
		input.agent.risk,
		concat(", ", sort([role | some role in sufficient])),
	])
}

refusals contains sentence if {
	count(sufficient) == 0
	sentence := sprintf("Agent '%s' is of a risk class that no role covers.", [input.agent.slug])
}

grounds contains sentence if {
	allow
	some role in granting
	sentence := sprintf("The role %s covers agents of %s risk in %s.", [role, input.agent.risk, input.agent.category])
}

decision := {"allow": allow, "reasons": sort([sentence | some sentence in refusals | grounds])}
