from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"
    label = "approvals"

    def ready(self) -> None:
        """Plug the approvals' answers into the verbs of a release."""
        from approvals import furnishing
        from releases import ports

        ports.gates.furnish = furnishing.furnish
        ports.gates.cause_of_miss = furnishing.cause_of_miss
        ports.gates.cancel_round = furnishing.cancel_round
        ports.gates.is_quorum_unreachable = furnishing.is_quorum_unreachable
