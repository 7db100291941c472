"""Files: sent from allowed places, saved where they can be played and seen, and tidied up."""
