"""What each sensor reports of one frame, in the layout and with the noise CARLA documents for it."""
