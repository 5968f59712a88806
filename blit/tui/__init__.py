"""The full screen: shows the transfers, lets people command them; owns none of them."""
