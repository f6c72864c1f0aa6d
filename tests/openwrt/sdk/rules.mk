# Of OpenWrt's rules.mk what the recipe calls.
INCLUDE_DIR := $(TOPDIR)
INSTALL_BIN := install -m0755
INSTALL_DIR := install -d -m0755
INSTALL_DATA := install -m0644
INSTALL_CONF := install -m0600
TARGET_CFLAGS := -Os -pipe -g3
