"""Settings, routing, kernel and operations of the AI-Agents Platform."""
