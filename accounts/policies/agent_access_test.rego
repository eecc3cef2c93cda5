package aiagents.agent_access_test

import rego.v1

import data.aiagents.agent_access

person(roles) := {"roles": roles, "is_key": false, "scopes": []}

key(roles, scopes) := {"roles": roles, "is_key": true, "scopes": scopes}

agent(category, risk) := {
	"slug": "some-agent",
	"category": category,
	"risk": risk,
	"is_suspended": false,
}

suspended := object.union(agent("retail_ecommerce", "low"), {"is_suspended": true})

ask(subject, what) := {
	"action": "run",
	"subject": subject,
	"agent": what,
	"data_class": "internal",
	"lane": "interactive",
	"time": "2026-01-15T12:00:00Z",
}

with_data(question, class) := object.union(question, {"data_class": class})

test_user_runs_low_risk if {
	agent_access.allow with input as ask(person(["user"]), agent("retail_ecommerce", "low"))
}

test_user_runs_medium_risk if {
	agent_access.allow with input as ask(person(["user"]), agent("finance_legal", "medium"))
}

test_user_does_not_run_high_risk if {
	not agent_access.allow with input as ask(person(["user"]), agent("finance_legal", "high"))
}

test_developer_does_not_run_high_risk if {
	not agent_access.allow with input as ask(person(["developer", "user"]), agent("devops_infrastructure", "high"))
}

test_operator_runs_high_risk_everywhere if {
	agent_access.allow with input as ask(person(["agent_operator"]), agent("healthcare_wellness", "high"))
}

test_curator_runs_high_risk if {
	agent_access.allow with input as ask(person(["curator"]), agent("healthcare_wellness", "high"))
}

test_admin_runs_high_risk if {
	agent_access.allow with input as ask(person(["admin"]), agent("security_compliance", "high"))
}

test_finance_runs_high_risk_of_its_category if {
	agent_access.allow with input as ask(person(["finance", "user"]), agent("finance_legal", "high"))
}

test_finance_does_not_run_high_risk_elsewhere if {
	not agent_access.allow with input as ask(person(["finance", "user"]), agent("hr_people", "high"))
}

test_hr_runs_high_risk_of_its_category if {
	agent_access.allow with input as ask(person(["hr"]), agent("hr_people", "high"))
}

test_sales_runs_high_risk_of_its_category if {
	agent_access.allow with input as ask(person(["sales"]), agent("sales_marketing", "high"))
}

test_support_runs_high_risk_of_its_category if {
	agent_access.allow with input as ask(person(["support"]), agent("customer_support", "high"))
}

test_nobody_runs_a_suspended_agent if {
	not agent_access.allow with input as ask(person(["admin", "user"]), suspended)
}

test_key_with_the_scope_runs if {
	agent_access.allow with input as ask(key(["user"], ["executions:run"]), agent("retail_ecommerce", "low"))
}

test_key_without_the_scope_does_not_run if {
	not agent_access.allow with input as ask(key(["admin"], ["executions:read"]), agent("retail_ecommerce", "low"))
}

test_key_gains_nothing_over_its_person if {
	not agent_access.allow with input as ask(key(["user"], ["executions:run"]), agent("finance_legal", "high"))
}

test_unknown_risk_is_denied if {
	not agent_access.allow with input as ask(person(["admin"]), agent("retail_ecommerce", "extreme"))
}

test_unknown_role_is_denied if {
	not agent_access.allow with input as ask(person(["wizard"]), agent("retail_ecommerce", "low"))
}

test_without_roles_denied if {
	not agent_access.allow with input as ask(person([]), agent("retail_ecommerce", "low"))
}

test_another_action_is_denied if {
	not agent_access.allow with input as object.union(
		ask(person(["admin"]), agent("retail_ecommerce", "low")),
		{"action": "delete"},
	)
}

test_empty_input_is_denied if {
	not agent_access.allow with input as {}
}

test_missing_suspension_is_denied if {
	not agent_access.allow with input as ask(person(["admin"]), {
		"slug": "some-agent",
		"category": "retail_ecommerce",
		"risk": "low",
	})
}

test_refusal_names_the_roles if {
	decision := agent_access.decision with input as ask(person(["user"]), agent("finance_legal", "high"))
	decision.reasons == ["Agent 'some-agent' is of high risk: it takes one of the roles admin, agent_operator, curator, finance; ask an administrator."]
}

test_permission_names_the_role if {
	decision := agent_access.decision with input as ask(person(["user"]), agent("finance_legal", "low"))
	decision.reasons == ["The role user covers agents of low risk in finance_legal."]
}

test_user_does_not_run_on_restricted_data if {
	asked := with_data(ask(person(["user"]), agent("retail_ecommerce", "low")), "restricted")
	not agent_access.allow with input as asked
}

test_operator_runs_on_restricted_data if {
	asked := with_data(ask(person(["agent_operator"]), agent("retail_ecommerce", "low")), "restricted")
	agent_access.allow with input as asked
}

test_finance_runs_on_restricted_data_of_its_category_only if {
	here := with_data(ask(person(["finance", "user"]), agent("finance_legal", "low")), "restricted")
	agent_access.allow with input as here
	there := with_data(ask(person(["finance", "user"]), agent("hr_people", "low")), "restricted")
	not agent_access.allow with input as there
}

test_refusal_names_the_data if {
	asked := with_data(ask(person(["user"]), agent("finance_legal", "low")), "restricted")
	decision := agent_access.decision with input as asked
	decision.reasons == ["Data of the class 'restricted' in agent 'some-agent' takes one of the roles admin, agent_operator, curator, finance; ask an administrator."]
}

test_unknown_data_class_is_denied if {
	asked := with_data(ask(person(["admin"]), agent("retail_ecommerce", "low")), "secret")
	not agent_access.allow with input as asked
}

test_missing_data_class_is_denied if {
	asked := object.remove(ask(person(["admin"]), agent("retail_ecommerce", "low")), ["data_class"])
	not agent_access.allow with input as asked
}

test_high_risk_obliges_to_a_review if {
	decision := agent_access.decision with input as ask(person(["admin"]), agent("finance_legal", "high"))
	decision.obligations == ["human_review"]
}

test_low_risk_obliges_to_nothing if {
	decision := agent_access.decision with input as ask(person(["admin"]), agent("finance_legal", "low"))
	decision.obligations == []
}

test_a_denial_obliges_to_nothing if {
	decision := agent_access.decision with input as ask(person(["user"]), agent("finance_legal", "high"))
	decision.obligations == []
}
