"""The API of products, playbooks and the ledger."""
