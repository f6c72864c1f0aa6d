"""What the functional tests stand on; see stage.Stage for the object every test is handed."""
