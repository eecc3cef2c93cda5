"""Input that has only the fields it declares."""

from typing import Any

from rest_framework import serializers


class InputSerializer(serializers.Serializer[Any]):
    """A request body; an unknown field is refused by name."""

    def get_fields(self) -> dict[str, Any]:
        """The declared fields; a choice says what there is and not what was sent."""
        fields: dict[str, Any] = super().get_fields()
        for field in fields.values():
            choice = getattr(field, "child", field)
            if isinstance(choice, serializers.ChoiceField):
                known = ", ".join(map(str, choice.choices))
                choice.error_messages["invalid_choice"] = f"One of {known}."
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """The validated values. Raises ValidationError that names each bad field."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(sorted(self.fields))
            message = f"Unknown field. Known: {known}." if known else "Unknown field."
            raise serializers.ValidationError({str(key): [message] for key in unknown})
        return super().to_internal_value(data)
