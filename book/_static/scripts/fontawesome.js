// Stands in for the theme's 1.5 MB script of the same name: icons come from the theme's style sheet and a small font.
