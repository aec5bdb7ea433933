"""The web page that messages link to, and the answers that machines ask for."""
