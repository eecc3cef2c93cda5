"""What curators type."""

from django import forms

from agents.services.curation import MAX_REASON_CHARS


class SuspensionForm(forms.Form):
    """Why an agent is switched off."""

    reason = forms.CharField(
        max_length=MAX_REASON_CHARS, widget=forms.TextInput({"size": 60})
    )
