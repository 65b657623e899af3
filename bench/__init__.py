"""Speed against what a user would write instead; every comparison is made within one run."""
