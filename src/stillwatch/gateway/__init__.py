"""The wall's doors: a reverse proxy, plug-ins and decision services that apply the ladder inline."""
