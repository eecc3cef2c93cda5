# Who may run which agent.
#
# input: {"action", "subject": {"roles", "is_key", "scopes"},
#         "agent": {"slug", "category", "risk", "is_suspended"},
#         "data_class", "lane", "time": the beginning of the quarter of an hour, UTC}
# data.roles: what each role may run, on which data (roles.json).
#
# `decision` is the only rule that is asked for. What is not allowed here is denied, and each
# reason is a sentence for the person who asked. An obligation is what the platform must do
# when it lets the run happen; one that it does not know denies. Only the part of Rego is used
# on which all engines agree.
package aiagents.agent_access

import rego.v1

default allow := false

allow if {
	input.action == "run"
	count(refusals) == 0
	count(granting) > 0
}

# The subject's roles that cover this agent, whatever the data.
running contains role if {
	some role in input.subject.roles
	covers_agent(role)
}

# Those of them that cover the data as well.
granting contains role if {
	some role in running
	covers_data(role)
}

# All roles that would cover both, for the person who lacks them.
sufficient contains role if {
	some role, _ in data.roles
	covers_agent(role)
	covers_data(role)
}

covers_agent(role) if {
	input.agent.risk in data.roles[role].runs
	covers_category(role)
}

covers_data(role) if input.data_class in data.roles[role].data_classes

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
	count(running) == 0
	count(sufficient) > 0
	sentence := sprintf("Agent '%s' is of %s risk: it takes one of the roles %s; ask an administrator.", [
		input.agent.slug,
		input.agent.risk,
		concat(", ", sort([role | some role in sufficient])),
	])
}

refusals contains sentence if {
	count(running) > 0
	count(granting) == 0
	count(sufficient) > 0
	sentence := sprintf("Data of the class '%s' in agent '%s' takes one of the roles %s; ask an administrator.", [
		input.data_class,
		input.agent.slug,
		concat(", ", sort([role | some role in sufficient])),
	])
}

refusals contains sentence if {
	count(granting) == 0
	count(sufficient) == 0
	sentence := sprintf("Agent '%s' is of a risk class, or the data of a class, that no role covers.", [input.agent.slug])
}

grounds contains sentence if {
	allow
	some role in granting
	sentence := sprintf("The role %s covers agents of %s risk in %s.", [role, input.agent.risk, input.agent.category])
}

# A person must read the result before it is used; the run's page says so.
obligations contains "human_review" if {
	allow
	input.agent.risk == "high"
}

decision := {
	"allow": allow,
	"reasons": sort([sentence | some sentence in refusals | grounds]),
	"obligations": sort([duty | some duty in obligations]),
}
