"""The shapes of accounts in JSON."""

from typing import Any

from rest_framework import serializers

from accounts.choices import BudgetPeriod, BudgetScope, Role, Scope, TeamKind
from accounts.models import ApiKey
from aiagents.common.api.serializers import InputSerializer


class RegisterInput(InputSerializer):
    """A new account."""

    username = serializers.CharField(
        max_length=50, trim_whitespace=False, help_text="3 to 50 of A-Z a-z 0-9 _ . -"
    )
    password = serializers.CharField(
        max_length=256,
        trim_whitespace=False,
        help_text="8 to 256 characters, not common.",
    )
    email = serializers.EmailField(required=False, allow_blank=True, default="")


class RegisteredUser(serializers.Serializer[Any]):
    """Who was registered."""

    id = serializers.UUIDField()
    username = serializers.CharField()


class RegisterOutput(serializers.Serializer[Any]):
    """The answer to a registration."""

    message = serializers.CharField()
    user = RegisteredUser()


class LoginInput(InputSerializer):
    """A sign-in."""

    username = serializers.CharField(max_length=256, trim_whitespace=False)
    password = serializers.CharField(max_length=256, trim_whitespace=False)
    code = serializers.CharField(
        max_length=20,
        required=False,
        allow_blank=True,
        default="",
        help_text="Where the person has a second factor: the app's code, or a recovery code.",
    )


class TokenOutput(serializers.Serializer[Any]):
    """A pair of tokens."""

    token = serializers.CharField(source="access")
    refresh = serializers.CharField()
    token_type = serializers.CharField(default="Bearer", read_only=True)
    expires_in = serializers.IntegerField(source="expires_in_s", help_text="Seconds.")


class RefreshInput(InputSerializer):
    """A refresh token to be exchanged."""

    refresh = serializers.CharField(max_length=256)


class LogoutInput(InputSerializer):
    """Which chain of refresh tokens to end besides the caller's own."""

    refresh = serializers.CharField(
        max_length=256, required=False, allow_blank=True, allow_null=True, default=""
    )


class TicketOutput(serializers.Serializer[Any]):
    """A ticket for one socket."""

    ticket = serializers.CharField(source="text")
    expires_in = serializers.IntegerField(source="expires_in_s", help_text="Seconds.")


class TeamOutput(serializers.Serializer[Any]):
    """One of the caller's teams."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=TeamKind.choices)


class TeamInput(InputSerializer):
    """A new shared team."""

    name = serializers.CharField(max_length=100)


class TeamRowOutput(TeamOutput):
    """One of the caller's teams, and what they are in it."""

    role = serializers.ChoiceField(
        choices=Role.choices, source="own_role", allow_null=True
    )
    member_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class MemberOutput(serializers.Serializer[Any]):
    """A member of a team."""

    user_id = serializers.UUIDField()
    username = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField(help_text="When the member joined.")


class RoleInput(InputSerializer):
    """Another role for a member."""

    role = serializers.ChoiceField(choices=Role.choices)


class InvitationInput(InputSerializer):
    """An address to be invited."""

    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices, default=Role.USER)


class InvitationOutput(serializers.Serializer[Any]):
    """An invitation that waits."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)
    invited_by = serializers.CharField(source="invited_by.username")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class NewInvitationOutput(InvitationOutput):
    """An invitation with its link, this once."""

    link = serializers.URLField(
        allow_null=True,
        help_text="Also in the letter; null in the answer to a repeated request.",
    )


class AcceptInput(InputSerializer):
    """The last part of an invitation's link."""

    token = serializers.CharField(max_length=100)


class PasswordInput(InputSerializer):
    """A change of one's own password."""

    current_password = serializers.CharField(max_length=256, trim_whitespace=False)
    new_password = serializers.CharField(max_length=256, trim_whitespace=False)


class RateLimitOutput(serializers.Serializer[Any]):
    """The caller's rate limit."""

    requests = serializers.IntegerField()
    window_seconds = serializers.IntegerField()


class MeOutput(serializers.Serializer[Any]):
    """Who the caller is."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices))
    teams = TeamOutput(many=True)
    limits = RateLimitOutput()
    budget = serializers.JSONField(allow_null=True, help_text="null: not limited.")


class ApiKeyInput(InputSerializer):
    """A new API key."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        allow_empty=False,
        max_length=20,
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None
    )
    rate_limit = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        help_text="Requests per window, at most the person's own limit.",
    )


class ApiKeyOutput(serializers.ModelSerializer[ApiKey]):
    """An API key without its secret."""

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "prefix",
            "scopes",
            "rate_limit",
            "created_at",
            "expires_at",
            "last_used_at",
        )
        read_only_fields = fields


class NewApiKeyOutput(ApiKeyOutput):
    """An API key with its secret, this once."""

    key = serializers.CharField(
        allow_null=True,
        read_only=True,
        help_text="Shown once; null in the answer to a repeated request.",
    )

    class Meta(ApiKeyOutput.Meta):
        fields = (*ApiKeyOutput.Meta.fields, "key")


class BudgetInputSerializer(InputSerializer):
    """A limit: who or what, in which period, how much."""

    scope = serializers.ChoiceField(choices=BudgetScope.choices)
    subject_id = serializers.UUIDField(
        required=False,
        help_text="The person, key, agent or workflow run; not needed for the team.",
    )
    period = serializers.ChoiceField(choices=BudgetPeriod.choices)
    limit_usd = serializers.DecimalField(
        max_digits=9, decimal_places=2, min_value=0, max_value=1_000_000
    )


class BudgetOutput(serializers.Serializer[Any]):
    """A budget in its present period."""

    id = serializers.UUIDField()
    team_id = serializers.UUIDField()
    scope = serializers.ChoiceField(choices=BudgetScope.choices)
    subject_id = serializers.UUIDField()
    period = serializers.ChoiceField(choices=BudgetPeriod.choices)
    limit_usd = serializers.DecimalField(max_digits=12, decimal_places=2)
    used_usd = serializers.DecimalField(max_digits=14, decimal_places=6)
    reserved_usd = serializers.DecimalField(
        max_digits=14, decimal_places=6, help_text="Set aside for runs under way."
    )
    left_usd = serializers.DecimalField(max_digits=14, decimal_places=6)
    resets_at = serializers.DateTimeField(allow_null=True)


class BudgetListOutput(serializers.Serializer[Any]):
    """The budgets of a team."""

    results = BudgetOutput(many=True)
