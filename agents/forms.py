"""What curators and administrators type."""

from django import forms
from unfold.widgets import (  # type: ignore[import-untyped] # it ships no types
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
)

from agents.services.curation import MAX_REASON_CHARS

CODE_AREA = {"rows": 18, "spellcheck": "false", "style": "max-width: none"}


class SuspensionForm(forms.Form):
    """Why an agent is switched off."""

    reason = forms.CharField(
        max_length=MAX_REASON_CHARS, widget=forms.TextInput({"size": 60})
    )


class DryRunForm(forms.Form):
    """Other rules, and how far back to ask them."""

    days = forms.IntegerField(
        min_value=1, max_value=90, initial=7, widget=UnfoldAdminIntegerFieldWidget
    )
    rules = forms.CharField(
        max_length=100_000, widget=UnfoldAdminTextareaWidget(CODE_AREA)
    )
    roles = forms.CharField(
        max_length=100_000, widget=UnfoldAdminTextareaWidget(CODE_AREA)
    )
