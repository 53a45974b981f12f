"""What a model says of people: any bundle's inputs made, its networks run, its heads calibrated."""
