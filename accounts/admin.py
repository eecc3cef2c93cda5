"""The administrators' view of people, teams and keys."""

from collections.abc import Callable
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponseRedirect
from unfold.admin import ModelAdmin  # type: ignore[import-untyped] # it ships no types

from accounts import services
from accounts.models import ApiKey, AuditEntry, Membership, Team, User
from aiagents.common import clock
from aiagents.common.errors import DomainError, NotAllowed
from aiagents.common.principals import Principal

#: What django-allauth keeps is changed by its own steps; these lists would show secrets.
for hidden in (Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken):
    if admin.site.is_registered(hidden):
        admin.site.unregister(hidden)


def _principal(request: HttpRequest) -> Principal:
    principal = getattr(request, "principal", None)
    if principal is None:
        raise NotAllowed("Sign in again.")
    return cast("Principal", principal)


class ServiceAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """Changes call services; what these refuse becomes a message."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form of one row; a refusal rolls its transaction back."""
        return self._explained(super().changeform_view, request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The question before a row goes."""
        return self._explained(super().delete_view, request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The list with its actions."""
        return self._explained(super().changelist_view, request, *args, **kwargs)

    def _explained(
        self, view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return view(request, *args, **kwargs)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(request.path)


@admin.register(User)
class UserAdmin(ServiceAdmin):
    """People: to be looked at, disabled and enabled; passwords are their own."""

    list_display = (
        "username",
        "email",
        "is_active",
        "is_staff",
        "date_joined",
        "last_login",
    )
    list_filter = ("is_active", "is_staff")
    search_fields = ("username", "email", "display_name")
    ordering = ("username", "id")
    fields = (
        "username",
        "display_name",
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "date_joined",
        "last_login",
    )
    readonly_fields = fields
    actions = ("disable", "enable", "reset_second_factors")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People register themselves."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        """Runs refer to people; disable them instead."""
        return False

    @admin.action(description="Disable: end all sessions, tokens and keys at once")
    def disable(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Shut the selected people out."""
        for user in queryset:
            self._change(request, services.disable_user, user)

    @admin.action(description="Enable: may sign in again")
    def enable(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let the selected people in again."""
        for user in queryset:
            self._change(request, services.enable_user, user)

    @admin.action(description="Take lost second factors away, and sign out")
    def reset_second_factors(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> None:
        """Let the selected people sign in by password alone, to set a new one up."""
        for user in queryset:
            self._change(request, services.reset_second_factors, user)

    def _change(self, request: HttpRequest, change: Any, user: User) -> None:
        try:
            change(user_id=user.id, by=_principal(request), now=clock.now())
        except DomainError as error:
            self.message_user(request, f"{user}: {error.message}", messages.ERROR)
        else:
            self.message_user(request, f"{user}: done.", messages.SUCCESS)


@admin.register(Team)
class TeamAdmin(ServiceAdmin):
    """Teams; personal ones come with their person."""

    list_display = ("name", "kind", "created_at")
    list_filter = ("kind",)
    search_fields = ("name",)
    ordering = ("name", "id")
    fields = ("name", "kind", "created_at")
    readonly_fields = ("kind", "created_at")

    def has_change_permission(
        self, request: HttpRequest, obj: Team | None = None
    ) -> bool:
        """A team's name is part of what runs refer to."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Team | None = None
    ) -> bool:
        """Runs refer to teams."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Team,
        form: ModelForm[Team],
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Make a shared team."""
        made = services.create_team(
            name=obj.name, by=_principal(request), now=clock.now()
        )
        obj.pk, obj.kind, obj.created_at = made.pk, made.kind, made.created_at


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    """Who is in which shared team, and as what."""

    list_display = ("user", "team", "role", "created_at")
    list_filter = ("role", "team__kind")
    list_select_related = ("user", "team")
    search_fields = ("user__username", "team__name")
    ordering = ("team__name", "user__username", "id")
    autocomplete_fields = ("user", "team")
    fields = ("team", "user", "role")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Membership | None = None
    ) -> tuple[str, ...]:
        """A membership changes its role; other people are other memberships."""
        return ("team", "user") if obj else ()

    def save_model(
        self,
        request: HttpRequest,
        obj: Membership,
        form: ModelForm[Membership],
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Set the role, which ends the person's tokens."""
        saved = services.set_membership(
            team_id=obj.team_id,
            user_id=obj.user_id,
            role=obj.role,
            by=_principal(request),
            now=clock.now(),
        )
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Take the person out of the team."""
        services.remove_member(
            team_id=obj.team_id,
            user_id=obj.user_id,
            by=_principal(request),
            now=clock.now(),
        )

    @transaction.atomic
    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Membership]
    ) -> None:
        """Take several people out of their teams, or none."""
        for membership in queryset:
            self.delete_model(request, membership)


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """Which keys exist; what is kept of the secret is not shown."""

    list_display = (
        "name",
        "prefix",
        "user",
        "team",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("revoked_at",)
    list_select_related = ("user", "team")
    search_fields = ("name", "prefix", "user__username")
    ordering = ("-created_at", "-id")
    fields = (
        "name",
        "prefix",
        "user",
        "team",
        "scopes",
        "rate_limit",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys are made by their own people."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: ApiKey | None = None
    ) -> bool:
        """Runs refer to keys; they are revoked."""
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """The audit, to be looked at; `/audit` has the filters and the export."""

    list_display = ("at", "action", "user_id", "target", "chain", "sequence")
    list_filter = ("action", "at")
    search_fields = ("target", "action", "user_id__exact", "chain__exact")
    ordering = ("-at", "-id")
    show_full_result_count = False
    fields = (
        "at",
        "action",
        "user_id",
        "api_key_id",
        "target",
        "details",
        "chain",
        "sequence",
        "previous_hash",
        "hash",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Entries are written by what they tell of."""
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: AuditEntry | None = None
    ) -> bool:
        """Entries are never changed."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: AuditEntry | None = None
    ) -> bool:
        """Entries are never deleted."""
        return False
