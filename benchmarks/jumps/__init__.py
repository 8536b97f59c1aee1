"""Why a jump helps: descent under rules of many kinds, as docs/reproduction/plan.md fixed them."""
