"""Signing in and out, oneself, and API keys."""

from django.contrib.auth import logout
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api import serializers
from accounts.api.access import ANY_KEY
from accounts.api.inputs import IDEMPOTENCY_KEY, valid
from accounts.services import Answer
from aiagents.common import clock
from aiagents.common.addresses import client_address
from aiagents.common.api.callers import http_of, principal_of
from aiagents.common.api.pagination import NumberedPages
from aiagents.common.api.serializers import InputSerializer


class PublicView(APIView):
    """For callers who have no credentials yet; those they send are not looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class RegisterView(PublicView):
    """A new account."""

    @extend_schema(
        tags=["accounts"],
        auth=[],
        request=serializers.RegisterInput,
        responses={201: serializers.RegisterOutput},
    )
    def post(self, request: Request) -> Response:
        """Register."""
        user = services.register_user(
            **valid(serializers.RegisterInput, request),
            address=client_address(request.META),
            now=clock.now(),
        )
        answer = {"message": "Your account is ready; sign in.", "user": user}
        output = serializers.RegisterOutput(answer).data
        return Response(output, status=status.HTTP_201_CREATED)


class LoginView(PublicView):
    """Tokens for a password."""

    @extend_schema(
        tags=["accounts"],
        auth=[],
        request=serializers.LoginInput,
        responses={200: serializers.TokenOutput},
    )
    def post(self, request: Request) -> Response:
        """Sign in."""
        pair = services.log_in(
            **valid(serializers.LoginInput, request),
            address=client_address(request.META),
            now=clock.now(),
        )
        return Response(serializers.TokenOutput(pair).data)


class RefreshView(PublicView):
    """Tokens for a refresh token."""

    @extend_schema(
        tags=["accounts"],
        auth=[],
        request=serializers.RefreshInput,
        responses={200: serializers.TokenOutput},
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token; each is good once."""
        values = valid(serializers.RefreshInput, request)
        pair = services.refresh_tokens(refresh=values["refresh"], now=clock.now())
        return Response(serializers.TokenOutput(pair).data)


class LogoutView(APIView):
    """The end of a token or a session."""

    @extend_schema(
        tags=["accounts"], request=serializers.LogoutInput, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Sign out; the access token is dead at once."""
        values = valid(serializers.LogoutInput, request)
        principal = principal_of(request)
        services.log_out(
            principal=principal, refresh=values["refresh"] or "", now=clock.now()
        )
        if not principal.token_id:
            logout(http_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(APIView):
    """One's own password; for people only."""

    @extend_schema(
        tags=["accounts"], request=serializers.PasswordInput, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Change it; every token and session ends at once, the caller's included."""
        values = valid(serializers.PasswordInput, request)
        services.change_password(
            principal=principal_of(request),
            current=values["current_password"],
            new=values["new_password"],
            address=client_address(request.META),
            now=clock.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class SocketTicketView(APIView):
    """Tickets for sockets."""

    required_scope = ANY_KEY

    @extend_schema(
        tags=["accounts"], request=None, responses={200: serializers.TicketOutput}
    )
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket within 30 seconds."""
        valid(InputSerializer, request)
        ticket = services.issue_socket_ticket(principal_of(request))
        return Response(serializers.TicketOutput(ticket).data)


class MeView(APIView):
    """Oneself."""

    required_scope = ANY_KEY

    @extend_schema(tags=["accounts"], responses={200: serializers.MeOutput})
    def get(self, request: Request) -> Response:
        """Who the caller is, and what limits it has."""
        return Response(serializers.MeOutput(selectors.me(principal_of(request))).data)


class ApiKeyListView(APIView):
    """The caller's API keys; for people only."""

    pagination_class = NumberedPages

    @extend_schema(
        tags=["accounts"],
        responses={200: serializers.ApiKeyOutput(many=True)},
    )
    def get(self, request: Request) -> Response:
        """The keys that were not revoked, newest first."""
        pages = NumberedPages()
        rows = pages.paginate_queryset(
            selectors.list_api_keys(principal_of(request)), request, view=self
        )
        return pages.get_paginated_response(
            serializers.ApiKeyOutput(rows, many=True).data
        )

    @extend_schema(
        tags=["accounts"],
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.ApiKeyInput,
        responses={201: serializers.NewApiKeyOutput},
    )
    def post(self, request: Request) -> Response:
        """Make a key; the answer shows it once."""
        values = valid(serializers.ApiKeyInput, request)
        secrets: list[str] = []

        def create() -> Answer:
            new = services.create_api_key(
                **values, by=principal_of(request), now=clock.now()
            )
            secrets.append(new.secret)
            body = serializers.ApiKeyOutput(new.row).data
            return Answer(status=status.HTTP_201_CREATED, body=dict(body))

        answer = services.run_once(
            principal=principal_of(request),
            route="api-keys",
            key=request.headers.get("Idempotency-Key"),
            body=request.data,
            create=create,
        )
        # The stored answer is without the key, which is nowhere kept.
        shown = None if answer.replayed else secrets[-1]
        return Response(
            answer.body | {"key": shown}, status=answer.status, headers=answer.headers
        )


class ApiKeyView(APIView):
    """One of the caller's API keys; for people only."""

    @extend_schema(tags=["accounts"], responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        """Revoke a key at once."""
        services.revoke_api_key(
            key_id=key_id, by=principal_of(request), now=clock.now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
