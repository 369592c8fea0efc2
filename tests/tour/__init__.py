"""`make tour`: a real run of everything, photographed. Writes docs/tour/*.webp and the pages' part of docs/tour.md."""
