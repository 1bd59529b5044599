"""What tests of every floor share."""
