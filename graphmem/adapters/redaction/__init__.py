"""What finds secrets, cards, accounts, addresses and telephone numbers in a text. What has a check
digit or a numbering plan is for the libraries that know them."""
