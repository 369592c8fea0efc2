"""One's own tokens: the list, a new one (shown once), and revoking one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import make_token
from accounts.forms import TokenForm
from accounts.models import ApiToken
from accounts.tokens import revoke_token
from accounts.views.lookup import person
from accounts.views.token_rows import keep_text, take_new, token_rows
from lib.refusal import Refused


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The list with a form; a POST makes a token, which the next page shows this once."""
    user = person(request)
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _, text = make_token(user, user, form.wish)
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            keep_text(request, user, text)
            return redirect("tokens")
    context = {"form": form, "new": take_new(request, user), **token_rows(user)}
    return render(request, "accounts/tokens.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End one of one's own tokens; another person's is not found."""
    token = get_object_or_404(ApiToken, pk=token_id, user=person(request))
    revoke_token(person(request), token)
    messages.success(request, f"The token {token.name} is revoked; whatever used it is refused from now on.")
    return redirect("tokens")
