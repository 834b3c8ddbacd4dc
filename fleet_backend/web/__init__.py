"""The pages of riders and operators: static files, one strict policy, no build step."""
