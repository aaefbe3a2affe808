"""What the panes show, as values: everything here is free of the terminal and of Textual."""
