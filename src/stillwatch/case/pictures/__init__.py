"""The geometry of a report's pictures. Places are in percent of a picture's width and height, so that a picture
stretches with the page while its text keeps its size; the templates draw.
"""
