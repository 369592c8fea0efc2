"""One's own API tokens: the list, a new one (shown once), and revoking one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import TokenForm
from accounts.models import ApiToken, User
from accounts.tokens import create_token, revoke_token
from lib import shown_once


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The list with a form; a POST makes a token, which the next page shows this once."""
    assert isinstance(request.user, User)
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _, text = create_token(request.user, form.cleaned_data["name"], expires_at=form.expires_at)
        shown_once.keep(request, "token", text)
        return redirect("tokens")
    rows = ApiToken.objects.filter(user=request.user, revoked_at=None)
    context = {"form": form, "tokens": rows, "new_token": shown_once.take(request, "token"), "now": timezone.now()}
    return render(request, "accounts/tokens.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End one of one's own tokens; another person's is not found."""
    assert isinstance(request.user, User)
    token = get_object_or_404(ApiToken, pk=token_id, user=request.user)
    revoke_token(request.user, token)
    messages.success(request, f"The token {token.name} is revoked; whatever used it is refused from now on.")
    return redirect("tokens")
