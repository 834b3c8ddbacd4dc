"""The issuer: signs what an owner's delegation allows, and hands out nothing that is not logged."""
