"""What others do, side by side with stillwatch on the same labelled traffic: one file a peer."""
